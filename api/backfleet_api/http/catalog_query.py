"""Query parameters of what is about all batches together, and of comparisons."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from backfleet.core.ranking import Direction
from backfleet_api.http.cursors import NAME_PATTERN
from backfleet_api.http.query import Limit, OrderBy, QueryModel

_ID = r"[a-z0-9](?:[-a-z0-9.]{0,250}[a-z0-9])?-[0-9]{1,9}"
MAX_COMPARED = 8

StrategyName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class StrategiesQuery(QueryModel):
    """Parameters of the list of strategies."""

    limit: Limit = 50
    cursor: (
        Annotated[str, Field(max_length=120, pattern=NAME_PATTERN, description="next_cursor of the previous page")]
        | None
    ) = None


class LeaderboardQuery(QueryModel):
    """Parameters of the leaderboard."""

    order_by: OrderBy | None = None
    direction: Direction | None = Field(default=None, description="by default the metric's own")
    strategy: StrategyName | None = None
    limit: Limit = 50


class DailyQuery(QueryModel):
    """Parameters of the daily summary."""

    days: Annotated[int, Field(ge=1, le=366, description="how many days, today included")] = 30


class FeesQuery(QueryModel):
    """Parameters of mean fees."""

    strategy: StrategyName | None = None


class CompareQuery(QueryModel):
    """The backtests to compare."""

    ids: Annotated[
        str,
        Field(
            max_length=2_200,
            pattern=rf"^{_ID}(?:,{_ID}){{1,{MAX_COMPARED - 1}}}$",
            description="two to eight ids of backtests, separated by commas",
        ),
    ]


StrategiesParameters = Annotated[StrategiesQuery, Query()]
LeaderboardParameters = Annotated[LeaderboardQuery, Query()]
DailyParameters = Annotated[DailyQuery, Query()]
FeesParameters = Annotated[FeesQuery, Query()]
CompareParameters = Annotated[CompareQuery, Query()]
