"""What every room uses: diagnostics, times, and the base of all records."""
