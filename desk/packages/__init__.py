"""档案包 / Packages."""
