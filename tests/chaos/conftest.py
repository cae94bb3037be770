from chaos_night import night, servers, undisturbed

__all__ = ["night", "servers", "undisturbed"]
