"""The swap model: tensors in, tensors out. It sees no files and no colour; only its snapshot touches the disk."""
