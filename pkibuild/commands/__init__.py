"""One module for every command: `register` declares its arguments, `run` goes from them through the pipeline to a view.

`run(arguments, world)` returns the exit code and raises UserError for whatever the user can mend.
"""
