"""What meters send by themselves."""
