from chaos_night import night, undisturbed

__all__ = ["night", "undisturbed"]
