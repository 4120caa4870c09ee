"""Files that are whole or not there, in folders and in object storage."""
