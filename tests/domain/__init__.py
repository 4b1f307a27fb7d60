"""A domain with every shape of model and serializer that rxsse promises to follow."""
