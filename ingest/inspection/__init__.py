"""监督检查、整改、销账: findings of inspectors and hazards (隐患) that rules find by night, until another person closes them.

Nothing here changes a record. ``book`` keeps the findings, ``acts`` is what people do with them, ``rules`` are what the machine looks
for, ``scan`` brings the two together once a night.
"""
