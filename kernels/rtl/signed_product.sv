// The product of two signed numbers, as rows of bits and one sum (Baugh and Wooley 1973).
//
// Two's complement gives only the top bit of a number a negative weight, so of all products of one bit of each number only
// those with exactly one top bit count negatively. Instead of subtracting such a bit, its complement is added:
// -b = (1 - b) - 1, and all of the -1 together are one constant that is known beforehand. What is left are ROWS rows of
// COLUMNS bits that are only added: nothing is sign-extended, and the adders below are what any synthesis makes of a sum.
//
//                      a3b0'  a2b0   a1b0   a0b0       ' complemented
//               a3b1'  a2b1   a1b1   a0b1
//        a3b2'  a2b2   a1b2   a0b2
//  a3b3  a2b3'  a1b3'  a0b3'                 + constant
module signed_product #(
    parameter int COLUMNS = 8,
    parameter int ROWS = 8
) (
    input logic signed [COLUMNS-1:0] a,
    input logic signed [ROWS-1:0] b,
    output logic signed [COLUMNS+ROWS-1:0] product
);
    localparam int WIDTH = COLUMNS + ROWS;
    // The -1 of every complemented bit, summed: 2^(COLUMNS-1) + 2^(ROWS-1) - 2^(WIDTH-1).
    localparam logic [WIDTH-1:0] CORRECTION =
        (WIDTH'(1) << (COLUMNS - 1)) + (WIDTH'(1) << (ROWS - 1)) + (WIDTH'(1) << (WIDTH - 1));

    logic [WIDTH-1:0] sum;
    always_comb begin
        sum = CORRECTION;
        for (int row = 0; row < ROWS; row++) begin
            logic [COLUMNS-1:0] bits;
            for (int column = 0; column < COLUMNS; column++)
                bits[column] = (a[column] & b[row]) ^ ((row == ROWS - 1) != (column == COLUMNS - 1));
            sum = sum + (WIDTH'(bits) << row);
        end
    end
    assign product = sum;
endmodule
