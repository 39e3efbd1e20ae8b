module viaduct.example/acceptance
go 1.20
