"""The owner's side: from announced changes to patches, each exactly what the serializer returns."""
