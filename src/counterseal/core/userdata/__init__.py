"""User data events: what they tell, and who may see them."""
