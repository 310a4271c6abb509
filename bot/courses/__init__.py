"""Course packs: what there is to learn, lesson by lesson, as YAML files."""
