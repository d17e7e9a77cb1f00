"""The file formats that plopi reads and writes, one module each."""
