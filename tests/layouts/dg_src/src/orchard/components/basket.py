import dagster as dg


class Basket(dg.Component, dg.Model, dg.Resolvable):
    """An asset for each fruit, with the number of pieces that the YAML file says."""

    pieces: dict[str, int]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        def asset_of(fruit: str, number: int) -> dg.AssetsDefinition:
            @dg.asset(name=fruit, group_name="basket")
            def pieces() -> int:
                return number

            return pieces

        return dg.Definitions([asset_of(*entry) for entry in self.pieces.items()])
