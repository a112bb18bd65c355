"""From what is wanted and what is there to one plan. Reads only; decides everything; writes nothing."""
