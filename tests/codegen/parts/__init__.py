"""An app without channels, whose serializers others nest."""
