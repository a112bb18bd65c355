"""From what is written to the records of `pkibuild.model.manifest`, section by section."""
