"""What a reference is made of: manifest, recipe, building, downloads, stores."""
