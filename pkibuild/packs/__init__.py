"""Service packs: a folder of data for each service type.

To add a type, add a folder here (or name one of your own under `packs:`) with `service.yaml`, `options.schema.json` and
templates; `service.schema.json` explains the descriptor field by field. No Python belongs to a pack.
"""
