// What docs/how-to/prisma.md warns of: within a transaction, what goes over another connection is outside of it. Run with outbox.require_transaction.
import assert from "node:assert/strict";
import { placeOrder, prisma } from "./shop.js";

await prisma.$transaction(async (tx) => {
  await tx.$queryRaw`SELECT 1`;
  await assert.rejects(placeOrder(prisma, "Teapot"), /25P01/);
});
await prisma.$disconnect();
