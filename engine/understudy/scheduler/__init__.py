"""Jobs as the engine runs them: records on disk, a queue for each device, and the processes that do the work."""
