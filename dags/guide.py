"""What the pages of Airflow tell an operator about each task of the night."""

_AGAIN = """

**可随时清除重跑 / may be cleared at any time**：待运行、运行中、失败、成功都可以，不丢失、不重复。
标错“成功”或删错运行：未做完的下一夜自动继续。 Marked a success by mistake, or the run deleted: the next night goes on."""

_RED = "**变红 / red**："

TASKS = {
    "discover": "列出各来源的新报送，分成批次；执行待定件的决定与重跑。Lists what is new; carries out decisions and re-runs.\n\n"
    f"{_RED}配置有误不重试，按日志更正后清除。某个来源不通不变红，夜报写明。Configuration: mend and clear." + _AGAIN,
    "receive": "从来源读一遍，算出摘要，放进暂存区。Reads each file once into staging.\n\n"
    f"{_RED}`SOURCE-AWAY` 来源不通，`DISK-FULL` 磁盘已满（`guidang staging`）。自动重试三次，之后修好再清除。" + _AGAIN,
    "check": "四性检测。不合格的退回或待定，不变红。Bad content is rejected or held, never red.\n\n"
    f"{_RED}只因机器故障；看日志里的原因代码，`guidang rerun list`。Machine trouble only." + _AGAIN,
    "file": "按“三合一”确定期限，给电子文件号与档号。Matches the schedule and gives numbers, once for ever.\n\n"
    f"{_RED}`NUMBERS-USED-UP` 号已用尽；`CONFIGURATION` 制度不能用。等待无益，先更正。Mend first." + _AGAIN,
    "package": "做成 BagIt 包；同样的件得同样的字节。The same record gives the same bytes.\n\n"
    f"{_RED}`CODE-CHANGED` 半夜换了不兼容的程序：装回原程序，或 `guidang rerun batch … --afresh`。" + _AGAIN,
    "deposit": "写入每个副本并逐份证明。Every copy is proved.\n\n"
    f"{_RED}`STORE-AWAY` 副本不可达：`guidang store probe`；修好后清除。什么也没丢。Nothing is lost." + _AGAIN,
    "acknowledge": "回执交给来源，清空暂存。Receipts to the source; staging is emptied only now.\n\n"
    f"{_RED}`SOURCE-AWAY` 回执写不进；恢复后清除，回执可重复。Receipts may be repeated." + _AGAIN,
    "again": "再访刚才不通的来源；上面没做完的批次，在 late 里再做一遍。Asks sources that were away once more; what is left undone\n"
    "gets a second chance.\n\n"
    f"{_RED}来源仍不通：隔 1、5、25 分钟再问，之后由夜报说明。Still away: asked after 1, 5 and 25 minutes, then told."
    + _AGAIN,
    "report": "一夜的数字、未归档原因、下一步；Excel 在 `reports/nights/`。The night in figures; a workbook beside the reports.\n\n"
    f"{_RED}有件因机器故障未完成，或来源不通：见日志里各原因的下一步（`guidang rerun list`）。" + _AGAIN,
    "anchor": "给事件链的链头签名并存入每个副本。Signs the chain's head.\n\n"
    f"{_RED}`CHAIN-BROKEN` 台账与已签名的链头不符：**不要清除了事**，见 docs/operations/CHAIN-BROKEN.md。Do not just clear it.",
}
