"""Fake persons and organisations."""

from __future__ import annotations

import datetime as dt
import random

from samplenight.codes import citizen_id, uscc
from samplenight.model import Party

STEMS, BRANCHES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"
TRADES = (
    "餐饮",
    "食品",
    "建筑工程",
    "装饰设计",
    "酒店管理",
    "商贸",
    "物流",
    "能源科技",
    "智能制造",
    "生物技术",
    "水务",
    "教育咨询",
)
TOWNS = {"440100": "南粤", "440300": "鹏湾", "440000": "岭南"}
DISTRICTS = {"440100": ("440103", "440106", "440113"), "440300": ("440303", "440305", "440306"),
             "440000": ("440200", "440500", "441900")}  # fmt: skip


def person(rng: random.Random, region: str) -> tuple[str, str]:
    """Name and 公民身份号码: a name that nobody bears, a birth year that nobody living has."""
    born = dt.date(1900, 1, 1) + dt.timedelta(days=rng.randrange(365))
    name = "测试" + rng.choice(STEMS) + rng.choice(BRANCHES)
    return name, citizen_id(rng.choice(DISTRICTS[region]), born, rng.randrange(1, 1000))


def applicant(rng: random.Random, region: str, kind: str) -> Party:
    """``kind``: person or org; one in three has somebody act for it."""
    agent = person(rng, region) if rng.random() < 0.3 else None
    if kind == "person":
        name, number = person(rng, region)
        return Party("1", name, number, None, agent)
    name = f"测试{rng.choice(TRADES)}{rng.choice(STEMS)}{rng.choice(BRANCHES)}（{TOWNS[region]}）有限公司"
    number = uscc("91", rng.choice(DISTRICTS[region]), rng.randrange(100, 10000))
    return Party("2", name, number, person(rng, region), agent)
