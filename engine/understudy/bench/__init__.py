"""Measurements that a user can repeat: `understudy bench`."""
