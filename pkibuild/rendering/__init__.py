"""Templates into text: Jinja2 in a sandbox, each value escaped for the language in which it stands.

`placed` is light; `renderer` imports Jinja2, so import it only where something is rendered.
"""
