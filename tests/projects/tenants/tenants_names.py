TENANTS = ("blue", "green")
