import { type Consumer, defineConsumer } from "@events-pipeline/consumer";
import { OrderPlaced, SHOP } from "./shop_events.ts";

export const pack: Consumer = defineConsumer({ stream: SHOP, name: "shop:pack", events: [OrderPlaced], handle() {} });
