from nights import night, undisturbed

__all__ = ["night", "undisturbed"]
