"""Every setting, validated at once: presets, the project file, and how their files are read and written."""
