"""Applications that nobody here wrote, from PyPI, unmodified: django-helpdesk and django-activity-stream."""
