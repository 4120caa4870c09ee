"""Files that are whole or absent, on a disk or in object storage, and the canonical text of JSON documents."""
