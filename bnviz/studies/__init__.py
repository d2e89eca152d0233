"""Many trainings at once: claims with their evidence, maps over two fields, and how their trials are run and kept."""
