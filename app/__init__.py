"""VetAI, the reference application: a veterinary clinic's models, seed data and a small web service."""
