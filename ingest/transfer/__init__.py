"""Transfer to the archives (移交进馆): choosing, building, approving, delivering, receipts; and the receiving side."""
