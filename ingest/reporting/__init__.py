"""What a batch comes to on paper: the 四性检测报告 and the 归档登记表, made from the ledger, kept in the store."""
