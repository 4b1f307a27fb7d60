"""Ends the streams of readers who may not read any more (PROTOCOL I7): who reads, what concerns them, who still may."""
