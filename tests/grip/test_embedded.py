"""One process with neither Redis nor MongoDB behind Pushpin: it publishes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.authtoken.models import Token

from rxsse import runtime
from rxsse.asgi import StreamingHandler
from tests import services
from tests.domain.models import Team
from tests.guarding.support import assert_follows, assert_revoked, by_token, make_reader, reader
from tests.services import Missing
from tests.streaming.support import serving
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    settings.ROOT_URLCONF = "tests.guarding.site"
    runtime.reset()
    with serving(StreamingHandler()) as (direct, _):
        try:
            with services.pushpin_server([f"* 127.0.0.1:{direct}"]) as (pushpin, url):
                settings.RXSSE = {"GRIP_URL": url, "PERMISSION_SECONDS": 0}
                runtime.reset()
                yield pushpin.port
                runtime.reset()
        except Missing:
            services.do_without("pushpin")


def test_a_process_alone_publishes_by_itself(port: int) -> None:
    team = Team.objects.create(name="first")
    ann = make_reader("ann", team)
    headers = by_token(ann)
    with reader(port, f"/team/{team.pk}/", headers) as stream:
        register = runtime.current()._held()
        until(lambda: register._topics, "the topic is published")  # type: ignore[attr-defined]
        team.name = "second"
        team.save()
        assert_follows(stream, "second")
    with reader(port, f"/team/{team.pk}/", headers) as stream:
        Token.objects.filter(user=ann).delete()
        assert_revoked(stream, "credential")
