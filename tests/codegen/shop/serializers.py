"""Serializers for every mapping, by groups: columns, relations, ways, declared fields."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tests.codegen.shop.models import MOODS, Maker, Passport, Product, Size, Status, Tag, Visa


class TagSerializer(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ("word",)


class VisaSerializer(serializers.ModelSerializer[Visa]):
    """A key through two one-to-ones."""

    class Meta:
        model = Visa
        fields = ("passport", "land")


class PassportSerializer(serializers.ModelSerializer[Passport]):
    class Meta:
        model = Passport
        fields = ("maker", "number")


class MakerSerializer(serializers.ModelSerializer[Maker]):
    """Who makes things.

    Has a passport, or not.
    """

    passport = PassportSerializer(read_only=True)
    passport_key: Any = serializers.PrimaryKeyRelatedField(source="passport", read_only=True)
    number = serializers.IntegerField(source="passport.number", read_only=True)
    land = serializers.CharField(source="passport.visa.land", read_only=True)
    visas: Any = serializers.PrimaryKeyRelatedField(source="passport.visa", read_only=True)

    class Meta:
        model = Maker
        fields = ("id", "name", "site", "passport", "passport_key", "number", "land", "visas")


class ColumnsSerializer(serializers.ModelSerializer[Product]):
    """Each column by the field that DRF chooses for it."""

    class Meta:
        model = Product
        exclude = ("tags", "parent", "maker", "namesake")


class RawSerializer(serializers.ModelSerializer[Product]):
    """Values as they are, and what properties and methods of the model say."""

    raw_price = serializers.ReadOnlyField(source="price")
    raw_made = serializers.ReadOnlyField(source="made")
    raw_life = serializers.ReadOnlyField(source="life")
    raw_key = serializers.ReadOnlyField(source="maker_id")
    maker_name = serializers.ReadOnlyField(source="maker.name")
    initial_text = serializers.CharField(source="initial", read_only=True)

    class Meta:
        model = Product
        fields = (
            "pk",
            "raw_price",
            "raw_made",
            "raw_life",
            "raw_key",
            "maker_name",
            "initial",
            "initial_text",
            "price_and_weight",
            "shout",
        )


class RelationsSerializer(serializers.ModelSerializer[Product]):
    maker_key: Any = serializers.PrimaryKeyRelatedField(source="maker", read_only=True)
    maker_hex: Any = serializers.PrimaryKeyRelatedField(
        source="maker", read_only=True, pk_field=serializers.UUIDField(format="hex")
    )
    namesake_key: Any = serializers.PrimaryKeyRelatedField(source="namesake", read_only=True)
    best: Any = serializers.PrimaryKeyRelatedField(source="best_maker", read_only=True)
    maker_name: Any = serializers.SlugRelatedField(source="maker", slug_field="name", read_only=True)
    maker_site: Any = serializers.SlugRelatedField(source="maker", slug_field="site", read_only=True)
    maker_text: Any = serializers.StringRelatedField(source="maker")
    maker_url: Any = serializers.HyperlinkedRelatedField(source="maker", view_name="maker", read_only=True)
    tag_texts: Any = serializers.StringRelatedField(source="tags", many=True)
    tag_words: Any = serializers.SlugRelatedField(source="tags", slug_field="word", many=True, read_only=True)
    child_keys: Any = serializers.PrimaryKeyRelatedField(source="children", many=True, read_only=True)
    uncle_keys: Any = serializers.PrimaryKeyRelatedField(source="parent.children", many=True, read_only=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "maker",
            "namesake",
            "parent",
            "tags",
            "maker_key",
            "maker_hex",
            "namesake_key",
            "best",
            "maker_name",
            "maker_site",
            "maker_text",
            "maker_url",
            "tag_texts",
            "tag_words",
            "child_keys",
            "uncle_keys",
        )


class LinkedSerializer(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = Product
        fields = ("url", "name", "parent", "children")
        extra_kwargs = {
            "url": {"view_name": "product"},
            "parent": {"view_name": "product"},
            "children": {"view_name": "product", "many": True, "read_only": True},
        }


class DeepSerializer(serializers.ModelSerializer[Product]):
    """What ``depth`` makes."""

    class Meta:
        model = Product
        fields = ("id", "maker", "tags")
        depth = 1


class ShortSerializer(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ("id", "name")


class WaysSerializer(serializers.ModelSerializer[Product]):
    """Null, or nothing, by the way that a value takes."""

    itself = ShortSerializer(source="*", read_only=True)
    nested = MakerSerializer(source="maker", read_only=True)
    nested_far = ShortSerializer(source="parent.parent", read_only=True)
    listed = ShortSerializer(source="children", many=True, read_only=True)
    listed_far = ShortSerializer(source="parent.children", many=True, read_only=True)
    far = serializers.CharField(source="parent.name", read_only=True)
    far_required = serializers.CharField(source="name")
    far_null = serializers.CharField(source="parent.name", allow_null=True, read_only=True)
    far_default = serializers.CharField(source="parent.name", default="none", read_only=True)
    far_default_null = serializers.CharField(source="parent.name", default=None, read_only=True)
    farther = serializers.CharField(source="parent.maker.site", read_only=True)
    not_required = serializers.CharField(source="name", required=False)
    hidden = serializers.HiddenField(default=1)
    secret = serializers.CharField(write_only=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "itself",
            "nested",
            "nested_far",
            "listed",
            "listed_far",
            "far",
            "far_required",
            "far_null",
            "far_default",
            "far_default_null",
            "farther",
            "not_required",
            "hidden",
            "secret",
        )


class FieldsSerializer(serializers.ModelSerializer[Product]):
    """Each of DRF's fields, with its options."""

    price_number = serializers.DecimalField(
        source="price", max_digits=8, decimal_places=2, coerce_to_string=False, read_only=True
    )
    price_local = serializers.DecimalField(
        source="price", max_digits=8, decimal_places=2, coerce_to_string=False, localize=True, read_only=True
    )
    token_number = serializers.UUIDField(source="token", format="int", read_only=True)
    made_as_it_is = serializers.DateTimeField(source="made", format=None, read_only=True)
    life_text = serializers.DurationField(source="life", read_only=True)
    stock_text = serializers.CharField(source="stock", read_only=True)
    name_url = serializers.URLField(source="name", read_only=True)
    picture_name = serializers.FileField(source="picture", use_url=False, read_only=True)
    image: Any = serializers.ImageField(source="picture", read_only=True)
    status_and_size = serializers.ListField(source="words", child=serializers.ChoiceField(choices=Status.choices))
    sizes: Any = serializers.MultipleChoiceField(source="words", choices=[*Size.choices, "draft", "sold"])
    counts = serializers.DictField(source="attributes", child=serializers.IntegerField(allow_null=True))
    pairs = serializers.HStoreField(source="attributes")
    text = serializers.JSONField(source="attributes", binary=True)
    mood_again = serializers.ChoiceField(source="mood", choices=MOODS, read_only=True)
    size_or_not = serializers.ChoiceField(source="size", choices=[(1, "One"), (20, "Many"), (None, "None")])
    flag = serializers.ChoiceField(source="available", choices=[(True, "Yes"), (False, "No")], read_only=True)
    pattern = serializers.RegexField(".*", source="name", help_text="From the field.", read_only=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "price_number",
            "price_local",
            "token_number",
            "made_as_it_is",
            "life_text",
            "stock_text",
            "name_url",
            "picture_name",
            "image",
            "status_and_size",
            "sizes",
            "counts",
            "pairs",
            "text",
            "mood_again",
            "size_or_not",
            "flag",
            "pattern",
        )


class StatsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Says no model, and is given the rows of one."""

    count = serializers.IntegerField(source="stock")
    small = serializers.IntegerField(required=False)
    label = serializers.CharField(source="get_status_display", read_only=True)
    size_label = serializers.CharField(source="get_size_display", read_only=True)
    parent_name = serializers.CharField(source="parent.name", read_only=True)


class LooseSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Is given dictionaries."""

    count = serializers.IntegerField()
    rest = serializers.IntegerField(required=False)
    may = serializers.IntegerField(required=False, allow_null=True)
    must = serializers.IntegerField(source="rest", default=7)


class ExtrasSerializer(serializers.ModelSerializer[Product]):
    stats = StatsSerializer(source="*", read_only=True)
    parents = StatsSerializer(source="parent", read_only=True)
    loose = LooseSerializer(source="summary", read_only=True)

    class Meta:
        model = Product
        fields = ("stats", "parents", "loose", "get_size_display")

    def get_fields(self) -> dict[str, Any]:
        names = ["with space", "it's", "class", "$", "ünï", "x²", "1a", "constructor"]
        return super().get_fields() | {name: serializers.CharField(source="name", read_only=True) for name in names}
