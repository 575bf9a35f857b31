"""Libraries of photos, scored by Apache Beam."""
