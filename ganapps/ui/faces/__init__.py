"""What the faces tab does with one face: edit it, breed it, say it, bring one's own, export."""
