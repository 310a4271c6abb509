"""The group's own image classifier: its file format, how it is served, and how it is trained."""
