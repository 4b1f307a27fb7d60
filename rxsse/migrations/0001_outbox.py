"""Makes the tables of the outbox."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Outbox",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("body", models.TextField()),
                ("position", models.BigIntegerField(db_index=True, default=0)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Interest",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "model", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("model", models.CharField(max_length=200)),
                ("name", models.CharField(max_length=40)),
                ("until", models.FloatField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
