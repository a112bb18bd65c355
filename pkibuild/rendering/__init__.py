"""Rendering of templates: Jinja2 in a sandbox, each value encoded for the language of its file.

`located` imports little; `renderer` imports Jinja2, so import it only where something is rendered.
"""
