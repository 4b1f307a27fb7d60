"""Where a task stands on its board: places between two others; knows nothing of requests or streams."""

from projects.models import Project, Task

# Positions are this far apart, so that a task finds room between two others without any of them being written.
STEP = 1000


def end_of(project: Project) -> int:
    """The position behind all tasks of ``project``."""
    last = project.tasks.order_by("-position").values_list("position", flat=True).first()
    return STEP if last is None else last + STEP


def place(task: Task, before: Task | None) -> None:
    """Give ``task`` the place in front of ``before``, or the last one. It isn't saved. Needs a transaction.

    Other tasks are renumbered, and saved, where there is no room left between two of them.
    """
    Project.objects.select_for_update().get(pk=task.project_id)  # one after the other: both would find the same gap
    others = list(task.project.tasks.exclude(pk=task.pk).only("pk", "position"))
    index = len(others) if before is None else others.index(before)
    low = others[index - 1].position if index else 0
    high = others[index].position if index < len(others) else low + 2 * STEP
    if high - low < 2:
        _renumber(others, leave_out=index)
        low, high = index * STEP, (index + 2) * STEP
    task.position = (low + high) // 2


def _renumber(tasks: list[Task], leave_out: int) -> None:
    """Space ``tasks`` evenly, with a free place in front of the one at ``leave_out``."""
    for index, task in enumerate(tasks):
        task.position = (index + 1 + (index >= leave_out)) * STEP
    Task.objects.bulk_update(tasks, ["position"], batch_size=500)
