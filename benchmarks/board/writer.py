"""A process that only writes: ``save TASK TITLE`` or ``send TITLE``, a line each; answers when it began and ended."""

from __future__ import annotations

import json
import sys
import time

import django


def main() -> None:
    django.setup()
    from django_eventstream import send_event

    from benchmarks.board.models import Task

    print("ready", flush=True)
    for line in sys.stdin:
        kind, *given = line.split()
        if kind == "save":
            task = Task.objects.get(pk=given[0])
            task.title = given[1]
            begin = time.monotonic()
            task.save()
        else:
            begin = time.monotonic()
            send_event("benchmark", "message", {"title": given[0]})
        print(json.dumps({"begin": begin, "end": time.monotonic()}), flush=True)


if __name__ == "__main__":
    main()
