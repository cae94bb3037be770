"""指标 / Numbers."""
