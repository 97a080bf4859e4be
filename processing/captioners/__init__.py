"""What writes captions: one file each, behind the same few methods (see `base`)."""
