"""监督检查 / Inspection."""
