"""A Hub on the loopback interface: what huggingface_hub and datasets need to push and to load a dataset."""
