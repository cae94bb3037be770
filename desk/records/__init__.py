"""档案 / Records."""
