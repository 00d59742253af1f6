"""DLMS/COSEM without I/O: bytes to COSEM values and back, and the associations they travel in."""
